"""Certificates, made by the commands of docs/transports.md: a page that does not work fails these tests."""
import os
import re
import ssl
import subprocess

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "transports.md")
COMMANDS = ("openssl ", "touch ", "printf ")


def make(folder):
    """Fills a folder with ca.pem, broker.pem and .key, device-7.pem and .key, and revoked.pem."""
    with open(PAGE) as page:
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read(), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(COMMANDS)]
    assert len(lines) >= 9, "the page's commands have moved: %r" % lines
    for line in lines:
        subprocess.run(["sh", "-e", "-c", line], cwd=folder, check=True, capture_output=True)
    return Pki(folder)


class Pki:
    def __init__(self, folder):
        self.folder = str(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, *alternatives):
        """NAME.pem and NAME.key, of the same authority."""
        names = ",".join(alternatives) or "DNS:%s.example" % name
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names,
                     "-keyout", name + ".key", "-out", name + ".csr")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-copy_extensions", "copy", "-days", "2", "-out", name + ".pem")

    def query(self, *more, cert="broker"):
        """The options of a listener's URL."""
        return "?" + "&".join(["cert=" + self.path(cert + ".pem"), "key=" + self.path(cert + ".key"), *more])

    def context(self, client=None):
        """What a client trusts, and the certificate that it shows."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if client:
            context.load_cert_chain(self.path(client + ".pem"), self.path(client + ".key"))
        return context
