// Selects the page to show.
import { useEffect } from "preact/hooks";

import { Changes } from "./pages/changes";
import { Connection } from "./pages/connection";
import { Customer } from "./pages/customer";
import { Customers } from "./pages/customers";
import { Events } from "./pages/events";
import { Login } from "./pages/login";
import { Overview } from "./pages/overview";
import { Peer } from "./pages/peer";
import { System } from "./pages/system";
import { Ended } from "./parts/ended";
import { Failed, Loading, NotThere } from "./parts/notice";
import { Shell } from "./parts/shell";
import { Unlock } from "./parts/unlock";
import { here, type Place } from "./router";
import { asking } from "./state/changes";
import { startLive, stopLive } from "./state/live";
import { loadOverview, overview } from "./state/overview";
import { access, findSession } from "./state/session";

export function App() {
  const kind = access.value.kind;
  useEffect(() => {
    if (kind === "in") {
      loadOverview();
      startLive();
    } else {
      stopLive();
    }
    if (kind === "none") overview.value = undefined;
  }, [kind]);

  const place = here.value.place;
  useEffect(() => {
    const title = kind === "none" ? "Log in" : titleOf(place);
    document.title = `${title} · Warren`;
  }, [kind, place]);

  if (access.value.kind === "asking") return <Loading what="the page" />;
  if (access.value.kind === "none") return <Login />;
  if (access.value.kind === "unreachable") {
    return (
      <main class="login">
        <Failed what="The page" failure={access.value.failure} retry={() => void findSession()} />
      </main>
    );
  }
  return (
    <>
      <Shell>
        <Page place={place} />
      </Shell>
      {kind === "ended" && <Ended />}
      {asking.value !== undefined && <Unlock />}
    </>
  );
}

function Page({ place }: { place: Place }) {
  switch (place.page) {
    case "overview":
      return <Overview />;
    case "customers":
      return <Customers />;
    case "customer":
      return <Customer customer={place.customer} key={place.customer} />;
    case "peer":
      return <Peer customer={place.customer} name={place.peer} key={`${place.customer}/${place.peer}`} />;
    case "connection":
      return (
        <Connection customer={place.customer} name={place.connection} key={`${place.customer}/${place.connection}`} />
      );
    case "events":
      return <Events />;
    case "changes":
      return <Changes />;
    case "system":
      return <System />;
    case "unknown":
      return <NotThere what="page" />;
  }
}

function titleOf(place: Place): string {
  switch (place.page) {
    case "customer":
      return place.customer;
    case "peer":
      return `${place.peer}, ${place.customer}`;
    case "connection":
      return `${place.connection}, ${place.customer}`;
    case "unknown":
      return "Not found";
    default:
      return place.page[0]?.toUpperCase() + place.page.slice(1);
  }
}
