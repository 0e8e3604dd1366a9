// The appliance itself.
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { System as SystemData } from "../api/types";
import { bytesText, countText, plural, shareText } from "../format/amount";
import { spanText } from "../format/time";
import type { Look } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Copy } from "../parts/copy";
import { Fact, Facts } from "../parts/facts";
import { Heading } from "../parts/heading";
import { Failed, Loading, NotThere } from "../parts/notice";
import { now } from "../state/clock";
import { onDelta, setSubject } from "../state/live";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";
import { Workers } from "./workers";

const refreshMilliseconds = 10_000;
const soon = 30 * 24 * 3600 * 1000;

const well = (word: string): Look => ({ word, shape: "full", tone: "good" });
const careful = (word: string): Look => ({ word, shape: "triangle", tone: "wait" });
const broken = (word: string): Look => ({ word, shape: "cross", tone: "bad" });

export function System() {
  const system = useResource("system", (signal) => api.system(signal));
  const data = system.value.value;
  useEffect(() => setSubject({}), []);
  useEffect(() => {
    let last = Date.now();
    return onDelta(() => {
      if (!attended() || Date.now() - last < refreshMilliseconds) return;
      last = Date.now();
      system.reload();
    });
  }, []);

  if (data === undefined && system.failure.value?.status === 404) return <NotThere what="page for you" />;
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
            <Fact name="Image slot">{data.slot ?? "none: installed as a package"}</Fact>
            <Fact name="Configuration">generation {countText(data.generation)}</Fact>
          </Facts>
        </Card>
        <Card title="This page">
          <Facts>
            <Fact name="Address">
              <code>{data.listen}</code>
            </Fact>
            <Fact name="Running for">{spanText(data.statusd.uptime_seconds)}</Fact>
            <Fact name="Memory">{bytesText(data.statusd.memory_bytes)}</Fact>
            <Fact name="Processor">{spanText(data.statusd.cpu_seconds)} used so far</Fact>
            <Fact name="Made with">
              Preact and uPlot: <a href="/licences.txt">their licences</a>
            </Fact>
            <Fact name="Looking now">
              {plural(data.statusd.viewers, "viewer")}, {plural(data.statusd.sessions, "session")},{" "}
              {plural(data.statusd.connections, "connection")}
            </Fact>
          </Facts>
        </Card>
        {data.users_file && (
          <Card
            title="Who may log in"
            aside={<Badge look={data.users_file.error === null ? well("Valid") : broken("Not taken")} />}
          >
            {data.users_file.error !== null && (
              <div class="notice notice-bad">
                <p class="notice-title">users.toml has an error; who was let in before still is</p>
                <pre>{data.users_file.error}</pre>
              </div>
            )}
            <Facts>
              <Fact name="Users">{countText(data.users_file.users)}</Fact>
              <Fact name="Tokens">{countText(data.users_file.tokens)}</Fact>
            </Facts>
          </Card>
        )}
      </div>
      <div>
        <Tunnels data={data} />
        <Workers workers={data.vpnd.workers} />
        <Certificate data={data} />
      </div>
    </div>
  );
}

function Tunnels({ data }: { data: SystemData }) {
  const { vpnd } = data;
  const look = !vpnd.reachable ? broken("Does not answer") : vpnd.under_load ? careful("Under load") : well("Answers");
  return (
    <Card title="Tunnels" aside={<Badge look={look} />}>
      <Facts>
        <Fact name="Last heard">
          {vpnd.snapshot_age_seconds === null ? "never" : `${vpnd.snapshot_age_seconds.toFixed(1)} s ago`}
        </Fact>
        <Fact name="Encryption">{vpnd.encryption || "not known"}</Fact>
        <Fact name="Serves">
          {plural(vpnd.customers, "customer")}, {plural(vpnd.peers, "peer")}
        </Fact>
        <Fact name="Handshakes">
          {countText(vpnd.handshakes_completed)} completed, {countText(vpnd.handshakes_initiated)} begun here
        </Fact>
        <Fact name="Memory">{vpnd.memory_bytes === null ? "not known" : bytesText(vpnd.memory_bytes)}</Fact>
        <Fact name="Processor">
          {vpnd.cpu_share !== null && <>{shareText(vpnd.cpu_share)} of a core now, </>}
          {spanText(vpnd.cpu_seconds)} used so far
        </Fact>
        {vpnd.under_load && (
          <Fact name="Under load">
            Clients are asked to prove their address by a cookie before a handshake: many come back at once, or somebody
            floods the port.
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
        <Fact name="Made by">
          {certificate.self_signed
            ? "this appliance itself: compare the fingerprint before you trust it"
            : "somebody else"}
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
