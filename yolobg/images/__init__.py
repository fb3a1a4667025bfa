"""Images to staging: concurrent, verified, one outcome per image.

Owns everything between a candidate's record and a verified file in staging: local folders, HTTP, retries, the pace, the
checks. It decides nothing about which images are wanted and never touches the dataset. Importing it loads neither
aiohttp nor Pillow.

`fetch` keeps the count and the order, `work` sends each candidate its way; `local` and `network` bring one image each;
`structure`, `pixels` and `verify` judge content; `staging` writes; `addresses`, `client`, `hosts`, `pace` and `limits`
hold the rules of the network, `request` makes one request.
"""

from yolobg.images.fetch import FetchResult, fetch_images
from yolobg.images.limits import Limits

__all__ = ["FetchResult", "Limits", "fetch_images"]
