"""Customers that are test links: what their tunnels carry is delayed and lost, and nobody else's."""

import re
import time

from tests.lab.town import STACK4


def ping(office, count, interval="0.01", address=STACK4):
    """(received, shortest, mean and longest round trip in ms)."""
    said = office.ns.run("ping", "-n", "-q", "-i", interval, "-c", count, "-W", "2", address, check=False).stdout
    received = int(re.search(r"(\d+) received", said).group(1))
    times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", said)
    return (received, *(float(times.group(i)) for i in (1, 2, 3))) if times else (received, 0, 0, 0)


def test_a_test_link_delays_its_pings_and_nobody_elses(town, visit):
    office, other = town.office("office"), town.office("other")
    customer = visit([office], emulate={"up": {"delay": "50ms"}, "down": {"delay": "30 ms"}})
    beside = visit([other])
    office.connect(), other.connect()
    received, least, mean, most = ping(office, 20, "0.05")
    assert received == 20
    assert least >= 80 and mean < 120, (least, mean, most)
    received, least, mean, most = ping(other, 20, "0.05")
    assert received == 20 and mean < 10, mean

    shown = town.warren.ctl("status", customer.id, check=False).stdout
    assert "test link   up: delay 50 ms; down: delay 30 ms" in shown
    assert town.warren.status(customer.id)["test_link"]["up"]["delay_us"] == 50_000
    assert town.warren.status(beside.id)["test_link"] is None
    found = town.warren.ctl("doctor", customer.id, check=False).stdout
    assert f"Customer {customer.id} is a test link" in found
    assert "test link" not in town.warren.ctl("doctor", beside.id, check=False).stdout

    # Another delay at once, and none any more.
    customer.emulate = {"up": {"delay": "200 ms", "jitter": "100 ms"}}
    town.warren.put(customer)
    received, least, mean, most = ping(office, 30, "0.05")
    assert received == 30
    assert least >= 100 and 150 < mean < 350, (least, mean, most)
    customer.emulate = {}
    town.warren.put(customer)
    received, least, mean, most = ping(office, 20, "0.05")
    assert received == 20 and mean < 10, mean
    assert town.warren.status(customer.id)["test_link"] is None


def test_a_test_link_loses_and_doubles_as_many_as_its_file_says(town, visit):
    office = town.office("office")
    customer = visit([office], emulate={"up": {"loss": "20 %"}})
    office.connect()
    received, *_ = ping(office, 500, "0.004")
    assert 340 < received < 455, received  # four deviations of the 400 that are left
    lost = town.warren.drops(customer.id)["emulated_loss"]
    assert lost == 500 - received
    customer.emulate = {"down": {"duplicate": "100 %"}}
    town.warren.put(customer)
    said = office.ns.run("ping", "-n", "-q", "-i", "0.01", "-c", "50", "-W", "1", STACK4, check=False).stdout
    assert "+49 duplicates" in said or "+50 duplicates" in said, said


def test_the_rate_of_a_test_link_is_the_time_that_a_packet_takes(town, visit):
    office = town.office("office")
    visit([office], emulate={"down": {"rate": "100 kbit/s"}})
    office.connect()
    before = time.monotonic()
    said = office.ns.run("ping", "-n", "-q", "-i", "0.2", "-c", "5", "-s", "1222", "-W", "2", STACK4).stdout
    assert time.monotonic() - before < 10
    least = float(re.search(r"= ([\d.]+)/", said).group(1))
    assert 100 <= least < 115, said  # 1250 bytes
