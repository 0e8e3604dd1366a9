"""What stackd does for a group, asked by hand: no etcd, no BIRD, no fleetd."""

import time

from tests.fleet.conftest import PORT, SERVICE, STACK
from tests.lab import netlab, nodes


def test_one_group_moves_between_two_nodes(make_fleet):
    fleet = make_fleet(2).start()
    first, second = fleet.nodes
    assert first.service_addresses() == second.service_addresses() == set()
    status, summary, texts = first.ask("prepare")
    assert status == 0, summary
    assert summary == "group 0: 1 of 1 stacks are made" and len(texts) == 1

    fleet.route_to(first)
    assert first.serve(0, [SERVICE], 20, 1)[0] == 0
    assert first.service_addresses() == {SERVICE}
    fleet.start_site()
    assert fleet.site_ns.ping(STACK, timeout=20)
    # An older owner's word counts no more.
    assert first.serve(0, [SERVICE], 20, 0)[0] == 4

    # What fleetd writes: where the other node saw the peer.
    port = fleet.site.port()
    with open(f"{second.fleet_dir}/seen-0", "w") as out:
        out.write(f"epoch 2\n{fleet.key.public} 198.51.100.2:{port}\n")
    watch = nodes.Watch(fleet.site_ns, STACK)
    time.sleep(1)
    moment = time.time()
    assert first.ask("stop")[0] == 0
    assert first.service_addresses() == set()
    fleet.route_to(second)
    assert second.serve(0, [SERVICE], 20, 2)[0] == 0
    # Without an initiation of the new owner the client would wait for 15 s.
    back = watch.wait_for_answer_after(moment + 0.3, 8)
    assert back < 5
    assert fleet.endpoint() == f"{SERVICE}:{PORT}"
    assert first.ask("stop")[0] == 0  # once more


def test_what_nobody_renews_ends_with_its_deadline(make_fleet):
    fleet = make_fleet(1).start()
    node, = fleet.nodes
    fleet.route_to(node)
    assert node.serve(0, [SERVICE], 0.9, 1)[0] == 4  # less than a whole second
    # Only its own address, of root's fleet.toml, and only a group that is there.
    assert node.serve(0, ["192.0.2.17"], 20, 1)[0] == 4
    assert node.serve(1, ["192.0.2.17"], 20, 1)[0] == 4
    assert node.service_addresses() == set()
    assert node.serve(0, [SERVICE], 20, 1)[0] == 0
    fleet.start_site()
    assert fleet.site_ns.ping(STACK, timeout=20)
    moment = time.time()
    assert node.serve(0, [SERVICE], 60, 1)[0] == 0  # longer
    assert node.ask("stop")[0] == 0
    assert node.serve(0, [SERVICE], 3, 2)[0] == 0
    netlab.wait_until(lambda: node.service_addresses() == set(), 10, "the address goes")
    assert time.time() - moment < 10
    netlab.wait_until(lambda: "group_expired" in node.process.output(), 5, "stackd notices")
    assert node.ask("status")[1] == "0 groups"


def test_the_kernel_ends_it_when_stackd_hangs(make_fleet):
    fleet = make_fleet(1).start()
    node, = fleet.nodes
    assert node.serve(0, [SERVICE], 3, 1)[0] == 0
    pid = node.room.run("pidof", "stackd").stdout.split()[0]
    node.room.run("kill", "-STOP", pid)
    netlab.wait_until(lambda: node.service_addresses() == set(), 8, "the address goes")
    node.room.run("kill", "-CONT", pid)


def test_a_new_stackd_goes_on_serving(make_fleet):
    fleet = make_fleet(1).start()
    node, = fleet.nodes
    fleet.route_to(node)
    assert node.serve(0, [SERVICE], 60, 1)[0] == 0
    fleet.start_site()
    assert fleet.site_ns.ping(STACK, timeout=20)
    handshake = fleet.site.show()[fleet.server.public].latest_handshake
    node.room.run("kill", "-KILL", node.room.run("pidof", "stackd").stdout.split()[0])
    node.start(timeout=60)
    assert node.service_addresses() == {SERVICE}
    assert node.ask("status")[1] == "1 groups"
    assert fleet.site_ns.ping(STACK, timeout=5)
    assert fleet.site.show()[fleet.server.public].latest_handshake == handshake


def test_a_group_sends_from_its_own_address_alone(make_fleet):
    """A client that uses the node's own address gets no answer: the next takeover would cut it off for good."""
    fleet = make_fleet(1).start()
    node, = fleet.nodes
    fleet.route_to(node)
    assert node.serve(0, [SERVICE], 60, 1)[0] == 0
    fleet.start_site()
    fleet.site.peers[0].endpoint = f"{node.room.address}:{PORT}"
    fleet.site.configure()
    assert not fleet.site_ns.ping(STACK, timeout=7)
    fleet.site.peers[0].endpoint = f"{SERVICE}:{PORT}"
    fleet.site.configure()
    assert fleet.site_ns.ping(STACK, timeout=20)
    assert fleet.endpoint() == f"{SERVICE}:{PORT}"
