"""A certificate authority of our own, with good and bad certificates for 127.0.0.1; made with the openssl command."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = (
    "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
    "policy=any\ncopy_extensions=copy\n[any]\ncommonName=supplied\n"
)
HERE = "IP:127.0.0.1,DNS:localhost"
# Name: whom it is for, when it ends, who signed it.
CERTIFICATES = {
    "good": (HERE, "20990101000000Z", "ca"),
    "expired": (HERE, "20210101000000Z", "ca"),
    "another name": ("DNS:elsewhere.example", "20990101000000Z", "ca"),
    "self-signed": (HERE, "20990101000000Z", "itself"),
}


@dataclass(frozen=True)
class Authority:
    """The file to trust, and the certificates with their keys."""

    ca: Path
    made: dict[str, tuple[Path, Path]]

    def server_side(self, which: str) -> ssl.SSLContext:
        """What a server with one of `CERTIFICATES` needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.made[which])
        return context


def make_authority(folder: Path) -> Authority:
    """Make all of it in an empty folder; skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    # No package that the tests need can sign a certificate, and one more for this alone is not worth it.
    if openssl is None:
        pytest.skip("makes certificates with the openssl command, which is not here")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "ca.cnf").write_text(CONFIG, "utf-8")
    (folder / "index.txt").write_text("", "utf-8")
    (folder / "serial").write_text("01\n", "utf-8")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=own ca", "-days", "2", *usage)
    made = {}
    for number, (which, (names, end, signer)) in enumerate(CERTIFICATES.items()):
        pem, key, subject = f"{number}.pem", f"{number}.key", ("-subj", f"/CN={which}")
        alternative = ("-addext", f"subjectAltName={names}")
        if signer == "itself":
            run("req", "-x509", *new, "-keyout", key, "-out", pem, "-days", "9999", *subject, *alternative)
        else:
            run("req", *new, "-keyout", key, "-out", f"{number}.csr", *subject, *alternative)
            signing = ("-cert", "ca.pem", "-keyfile", "ca.key", "-startdate", "20200101000000Z", "-enddate", end)
            run("ca", "-batch", "-config", "ca.cnf", *signing, "-in", f"{number}.csr", "-out", pem, "-notext")
        made[which] = (folder / pem, folder / key)
    return Authority(folder / "ca.pem", made)
