"""The same sources and the same keys make the same image, bit for bit, including every signature."""

import filecmp
import os

from tests.lab import guest, netlab
from tests.lab.warren import ROOT

IMAGE = os.environ.get("WARREN_IMAGE", "")
PACKAGE = os.environ.get("WARREN_PACKAGE", "")


def test_a_second_build_has_the_same_bytes(tmp_path):
    assert IMAGE and PACKAGE, "set WARREN_IMAGE to the qcow2 image, and WARREN_PACKAGE to its package"
    first, second = os.path.dirname(IMAGE), str(tmp_path / "second")
    netlab.run(f"{ROOT}/image/build", "--package", PACKAGE, "--out", second, *guest.SIGNED, timeout=600)
    files = sorted(os.listdir(first))
    assert files == sorted(os.listdir(second))
    assert "sbom.tsv" in files and "SHA256SUMS" in files
    for name in files:
        assert filecmp.cmp(f"{first}/{name}", f"{second}/{name}", shallow=False), name
