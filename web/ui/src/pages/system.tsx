// The appliance and its processes.
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { System as SystemData } from "../api/types";
import { bytesText, countText, plural, shareText } from "../format/amount";
import { spanText } from "../format/time";
import type { Look } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Commands } from "../parts/commands";
import { Copy } from "../parts/copy";
import { Fact, Facts } from "../parts/facts";
import { Heading } from "../parts/heading";
import { Failed, Loading, NotThere } from "../parts/notice";
import { Refused } from "../parts/refused";
import { now } from "../state/clock";
import { onDelta, setSubject } from "../state/live";
import { pace } from "../state/pace";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";
import { Alerting } from "./alerting";
import { Workers } from "./workers";

const soon = 30 * 24 * 3600 * 1000;

const well = (word: string): Look => ({ word, shape: "full", tone: "good" });
const careful = (word: string): Look => ({ word, shape: "triangle", tone: "wait" });
const broken = (word: string): Look => ({ word, shape: "cross", tone: "bad" });

export function System() {
  const system = useResource("system", (signal) => api.system(signal));
  const data = system.value.value;
  useEffect(() => setSubject({}), []);
  useEffect(() => {
    const isDue = pace();
    return onDelta(() => {
      if (attended() && isDue()) system.reload();
    });
  }, []);

  if (data === undefined && system.failure.value?.status === 404) return <NotThere what="page" />;
  return (
    <>
      <div class="page-head">
        <Heading>System</Heading>
        {data && <p class="soft small">{data.appliance}</p>}
      </div>
      {data ? (
        <Filled data={data} />
      ) : system.failure.value ? (
        <Failed what="The system" failure={system.failure.value} retry={system.reload} />
      ) : (
        <Loading what="the system" lines={8} />
      )}
    </>
  );
}

function Filled({ data }: { data: SystemData }) {
  return (
    <div class="columns">
      <div>
        <Card title="Software">
          <Facts>
            <Fact name="Warren">{data.version}</Fact>
            <Fact name="Image slot">{data.slot ?? "none (installed as a package)"}</Fact>
            <Fact name="Configuration">generation {countText(data.generation)}</Fact>
          </Facts>
        </Card>
        <Card title="This page">
          <Facts>
            <Fact name="Address">
              <code>{data.listen}</code>
            </Fact>
            <Fact name="Uptime">{spanText(data.statusd.uptime_seconds)}</Fact>
            <Fact name="Memory">{bytesText(data.statusd.memory_bytes)}</Fact>
            <Fact name="Processor">{spanText(data.statusd.cpu_seconds)} since it started</Fact>
            <Fact name="Open source">
              Preact and uPlot (<a href="/licences.txt">licences</a>)
            </Fact>
            <Fact name="In use by">
              {plural(data.statusd.viewers, "viewer")}, {plural(data.statusd.sessions, "session")},{" "}
              {plural(data.statusd.connections, "connection")}
            </Fact>
          </Facts>
        </Card>
        {data.users_file && (
          <Card
            title="Users"
            aside={<Badge look={data.users_file.error === null ? well("Valid") : broken("Rejected")} />}
          >
            {data.users_file.error !== null && (
              <div class="notice notice-bad">
                <p class="notice-title">users.toml has an error; the previous users stay in force</p>
                <pre>{data.users_file.error}</pre>
              </div>
            )}
            <Facts>
              <Fact name="Users">{countText(data.users_file.users)}</Fact>
              <Fact name="Tokens">{countText(data.users_file.tokens)}</Fact>
            </Facts>
          </Card>
        )}
        {data.alerts && <Alerting alerts={data.alerts} />}
        <Commands commands={commands} />
      </div>
      <div>
        <Tunnels data={data} />
        <Workers workers={data.vpnd.workers} />
        <Refused refused={data.refused} />
        <Certificate data={data} />
      </div>
    </div>
  );
}

const commands = [
  ["A test alert", "alert test"],
  ["DNS and BGP", "services"],
  ["In trouble", "doctor"],
] as const;

function Tunnels({ data }: { data: SystemData }) {
  const { vpnd } = data;
  const look = !vpnd.reachable ? broken("Does not answer") : vpnd.under_load ? careful("Under load") : well("Answers");
  return (
    <Card title="Tunnels" aside={<Badge look={look} />}>
      <Facts>
        <Fact name="Last answer">
          {vpnd.snapshot_age_seconds === null ? "never" : `${vpnd.snapshot_age_seconds.toFixed(1)} s ago`}
        </Fact>
        <Fact name="Encryption">{vpnd.encryption || "unknown"}</Fact>
        <Fact name="Serves">
          {plural(vpnd.customers, "customer")}, {plural(vpnd.peers, "peer")}
          {vpnd.connections > 0 && <>, {plural(vpnd.connections, "IPsec connection")}</>}
        </Fact>
        <Fact name="Handshakes">
          {countText(vpnd.handshakes_completed)} completed of {countText(vpnd.handshakes_initiated)} started
        </Fact>
        {vpnd.connections > 0 && (
          <Fact name="IKE">
            {plural(vpnd.ike_sas, "IKE SA")}, {plural(vpnd.child_sas, "CHILD SA")}, {countText(vpnd.half_open)}{" "}
            half-open
          </Fact>
        )}
        <Fact name="Memory">{vpnd.memory_bytes === null ? "unknown" : bytesText(vpnd.memory_bytes)}</Fact>
        <Fact name="Processor">
          {vpnd.cpu_share !== null && <>{shareText(vpnd.cpu_share)} of a core now, </>}
          {spanText(vpnd.cpu_seconds)} since vpnd started
        </Fact>
        {vpnd.under_load && (
          <Fact name="Under load">
            Clients must prove their address with a cookie before a handshake: many reconnect at once, or the port is
            being flooded.
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

function Certificate({ data }: { data: SystemData }) {
  const certificate = data.certificate;
  if (certificate === null) return null;
  const ends = Date.parse(certificate.not_after);
  const today = now.peek();
  const look = ends < today ? broken("Expired") : ends - today < soon ? careful("Expires soon") : well("Valid");
  return (
    <Card title="Certificate" aside={<Badge look={look} />}>
      <Facts>
        <Fact name="For">{certificate.subject}</Fact>
        <Fact name="Signed by">
          {certificate.self_signed
            ? "this appliance; compare the fingerprint before you trust it"
            : "a certificate authority"}
        </Fact>
        <Fact name="Expires">
          <Ago at={certificate.not_after} />
        </Fact>
        <Fact name="SHA-256">
          <Copy text={certificate.fingerprint_sha256} what="the fingerprint" />
        </Fact>
      </Facts>
    </Card>
  );
}
