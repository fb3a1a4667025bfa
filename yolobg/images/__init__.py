"""Images to staging: concurrent, verified, one outcome per image.

Owns everything between a candidate's record and a verified file in staging: local folders, HTTP, retries, the pace, the
checks. It decides nothing about which images are wanted and never touches the dataset. Importing it loads neither
an HTTP library nor Pillow.

`fetch` keeps the count and the order, `workers` sends each candidate its way; `local` and `remote` bring one image;
`check` and `jpeg_png` judge content; `staging` writes; `hosts`, `pace`, `turns` and `limits` hold the network's rules,
`request` makes one request.
"""

from yolobg.images.fetch import FetchResult, fetch_images
from yolobg.images.limits import Limits

__all__ = ["FetchResult", "Limits", "fetch_images"]
