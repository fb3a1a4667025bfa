"""Images to staging: concurrent, verified, one outcome per image.

Owns everything between a candidate's record and a verified file in staging: local folders, HTTP, retries, the pace, the
checks. It decides nothing about which images are wanted and never touches the dataset. Importing it loads neither
aiohttp nor Pillow.

`fetch` keeps the count and the order; `local` and `network` bring one image each; `verify` judges content; `staging`
writes; `addresses`, `hosts` and `pace` hold the rules of the network.
"""

from yolobg.download.fetch import FetchResult, fetch_images
from yolobg.download.limits import Limits

__all__ = ["FetchResult", "Limits", "fetch_images"]
