"""HTTP rules shared by all that fetches: addresses, certificates, retries."""
