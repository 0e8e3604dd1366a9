"""A Warren with a status page, two customers, and a user of each role."""

from . import netlab, page, warren
from .town import STACK4, Town

LISTEN = "127.0.0.1:8443"
PASSWORD = "a long enough password"
OWN, FOREIGN = "acme", "globex"  # for the role customer: the user's own customer, and another one


class Scene:
    """A Warren with a status page, two customers, and a user and a token of each role."""

    def __init__(self, lab):
        self.town = Town(lab, name="paged")
        self.town.warren.status_listen = LISTEN
        self.town.warren.state_dir = lab.path("state")
        self.warren = self.town.warren
        self.office = self.town.office("graz", networks=["10.0.1.0/24"])
        self.idle, idle = self.town.raw_peer("idle")
        self.other, other = self.town.raw_peer("other")
        for id_, peers in ((OWN, [self.office.peer, idle]), (FOREIGN, [other])):
            self.warren.customers[id_] = warren.Customer(id_, [f"{STACK4}/24"], peers, name=f"{id_.capitalize()} Ltd")
        self.warren.start()
        self.page = page.Page(self.town.hub, LISTEN)
        self.tokens = {}
        for role in ("operator", "viewer", "customer"):
            grant = [role, OWN] if role == "customer" else [role]
            self.warren.configure("user", "add", role, *grant, input=PASSWORD + "\n")
            self.tokens[role] = self.warren.configure("token", "add", role, *grant).stdout.strip()
        netlab.wait_until(lambda: self.page.ask("/api/v1/session", token=self.tokens["customer"]).status == 200, 20,
                          "statusd has loaded the users")
        netlab.wait_until(lambda: self.get("/readyz").status == 200, 20, "the page is ready")

    def get(self, path, role="operator", **more):
        return self.page.ask(path, token=self.tokens.get(role), **more)

    def view(self, path, role="operator"):
        return self.page.view(path, token=self.tokens[role])

    def statusd(self):
        return netlab.wait_until(lambda: self.warren.children("statusd"), 10, "a statusd runs")[0]

    def log(self, event):
        return [line for line in self.warren.output().splitlines() if f"event={event} " in line + " "]
