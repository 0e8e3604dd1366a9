// A calm line under the header when what is on the screen may be old.
import { useComputed } from "@preact/signals";

import { now } from "../state/clock";
import { link, retryNow } from "../state/live";
import { outdated, overview } from "../state/overview";
import { Ago } from "./ago";
import { Shape } from "./shape";

const patience = 3000; // a hiccup is not worth a line

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
        {overview.value ? <Ago at={overview.value.as_of} /> : "before"}; they go on by themselves as soon as it answers.
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
        tunnels may well be working.
      </p>
    </div>
  );
}
