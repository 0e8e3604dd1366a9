// A line below the header while the figures may be old.
import { useComputed } from "@preact/signals";

import { now } from "../state/clock";
import { link, retryNow } from "../state/live";
import { outdated, overview } from "../state/overview";
import { Ago } from "./ago";
import { Shape } from "./shape";

const patience = 3000; // shorter breaks are not shown

export function Banner() {
  const broken = useComputed(() => link.value.kind === "waiting" && now.value - link.value.since > patience);
  return (
    <div role="status">
      {broken.value ? <Disconnected /> : outdated.value && link.value.kind === "live" ? <Outdated /> : null}
    </div>
  );
}

function Disconnected() {
  return (
    <div class="banner">
      <Shape name="half" />
      <p>
        The appliance cannot be reached. The figures are from{" "}
        {overview.value ? <Ago at={overview.value.as_of} /> : "before"}. The page reconnects automatically.
      </p>
      <button type="button" class="button-quiet" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}

function Outdated() {
  return (
    <div class="banner">
      <Shape name="triangle" />
      <p>
        The tunnel daemon does not answer this page. The figures are from <Ago at={overview.value?.as_of ?? null} />;
        the tunnels may still be working.
      </p>
    </div>
  );
}
