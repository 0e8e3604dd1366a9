"""README's first site over IPsec: its files and commands, and strongSwan with the configuration that is there."""

import pytest

from tests.e2e.test_readme import Reader, step
from tests.lab import netlab, strongswan, warren
from tests.lab.town import Town

HEADING = "A site over IPsec, in three steps"
SITE = "10.0.2.1"


@pytest.fixture
def reader():
    with warren.leaves_nothing(lambda lab: Town(lab, name="readme")) as town:
        yield Reader(town)


def test_the_first_site_is_reached_as_readme_says(reader):
    appliance, make_key = step(2)
    reader.write("warren.toml", appliance + step(1, HEADING)[0])
    reader.type(make_key)
    make_psk, site = step(2, HEADING)
    reader.type(make_psk)
    reader.write("customers/acme.toml", step(3)[0].split("[handoff]")[0] + site)
    reader.type("sudo vpnctl check")
    reader.start()
    with open(f"{reader.town.warren.config}/secrets/acme/branch-linz.psk") as file:
        psk = file.read().strip()
    place = reader.town.place("linz")
    reader.town.lab.bridge(place.ns, "lan0", [f"{SITE}/24"])
    charon = strongswan.Charon(place.ns).start()
    text = reader.here(step(3, HEADING)[0]).replace("the content of branch-linz.psk", psk)
    charon.configure(text)
    netlab.wait_until(lambda: place.ns.run("ping", "-c1", "-W1", "-I", SITE, "10.0.0.1", check=False).returncode == 0,
                      15, "the site reaches acme's 10.0.0.1")
    assert "branch-linz" in reader.type("sudo vpnctl ipsec acme").stdout
    charon.stop()
