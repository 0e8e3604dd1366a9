// What there is in a customer's stack now: its firewall with counters, its services, its LAN. It is read when it is
// looked at.
import type { Firewall as FirewallData, LanState, Service, StackNow } from "../api/types";
import { bytesText, countText, plural } from "../format/amount";
import { spanText } from "../format/time";
import { certificateLooks, lanLooks, notInstalled, serviceLooks } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Fact, Facts } from "../parts/facts";
import { Failed, Loading } from "../parts/notice";
import type { Resource } from "../state/resource";

const shownNeighbours = 8;

export function Firewall({ stack }: { stack: Resource<StackNow> }) {
  const data = stack.value.value;
  // Most customers have none; what cannot be loaded is told once, by the services.
  if (data === undefined || data.firewall === null) return null;
  if (!data.firewall.installed)
    return (
      <Card title="Firewall">
        <Badge look={notInstalled} />{" "}
        <span class="soft small">the stack has not got the rules of its configuration</span>
      </Card>
    );
  return <Rules firewall={data.firewall} />;
}

function Rules({ firewall }: { firewall: FirewallData }) {
  const { connections, max_connections: most, refused_packets: refused } = firewall;
  return (
    <Card title="Firewall">
      <table class="plain rules" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {["Rule", "Packets", "Bytes", "Last"].map((title, column) => (
              <th role="columnheader" scope="col" class={column === 0 ? undefined : "number"} key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {firewall.rules.map((rule) => (
            <tr role="row" key={`${rule.own} ${rule.name}`}>
              <td role="cell">
                {rule.name}
                {rule.summary !== null && <span class="block soft small">{rule.summary}</span>}
              </td>
              <td role="cell" class="number">
                {countText(rule.packets)}
              </td>
              <td role="cell" class="number">
                {bytesText(rule.bytes)}
              </td>
              <td role="cell" class="number">
                {rule.last_hit_seconds === null ? "never" : `${spanText(rule.last_hit_seconds)} ago`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {firewall.rules_more > 0 && <p class="soft small more">and {plural(firewall.rules_more, "more rule")}</p>}
      {most !== null && (
        <p class="soft small more">
          {connections === null ? "an unknown number" : countText(connections)} of {countText(most)} connections tracked
          {refused > 0 && <>, {plural(refused, "packet")} refused as there were more</>}
        </p>
      )}
    </Card>
  );
}

export function Services({ stack }: { stack: Resource<StackNow> }) {
  const data = stack.value.value;
  if (data === undefined && stack.failure.value?.status === 404) return null; // it is not in force
  if (data === undefined)
    return (
      <Card title="Services">
        {stack.failure.value ? (
          <Failed what="The stack" failure={stack.failure.value} retry={stack.reload} />
        ) : (
          <Loading what="the services" />
        )}
      </Card>
    );
  if (data.services.length === 0) return null;
  return (
    <Card title="Services">
      <Facts>
        {data.services.map((one) => (
          <Fact name={names[one.service] ?? one.service} key={one.service}>
            <State service={one} />
          </Fact>
        ))}
      </Facts>
    </Card>
  );
}

const soon = 30 * 24 * 3600 * 1000;

export function Certificates({ stack }: { stack: Resource<StackNow> }) {
  const data = stack.value.value;
  if (data === undefined || data.certificates.length === 0) return null;
  const today = Date.parse(data.at);
  return (
    <Card title="IPsec certificates">
      <Facts>
        {data.certificates.map((one) => {
          const left = Date.parse(one.not_after) - today;
          return (
            <Fact name={one.field === "ipsec.certificate" ? "Its own" : "CA of its peers"} key={one.field}>
              <Badge
                look={left < 0 ? certificateLooks.ended : left < soon ? certificateLooks.soon : certificateLooks.valid}
              />
              <span class="block soft small">
                {left < 0 ? "ended " : "ends "}
                <Ago at={one.not_after} />
                {one.file !== null && (
                  <>
                    , <code>{one.file}</code>
                  </>
                )}
              </span>
            </Fact>
          );
        })}
      </Facts>
    </Card>
  );
}

const names: Record<string, string> = { dns: "DNS", bgp: "BGP" };

function State({ service }: { service: Service }) {
  return (
    <>
      <Badge look={serviceLooks[service.state]} /> <span class="soft small">{service.program}</span>
      {service.since !== null && (
        <span class="block soft small">
          since <Ago at={service.since} />
          {service.restarts > 0 && <>, {plural(service.restarts, "restart")}</>}
        </span>
      )}
      {service.problem !== null && <span class="block small">{service.problem}</span>}
    </>
  );
}

/** In the facts of the stack. */
export function LanNow({ lan }: { lan: LanState }) {
  const shown = lan.neighbours.slice(0, shownNeighbours);
  const more = lan.neighbours.length - shown.length + lan.neighbours_more;
  return (
    <>
      <Badge look={lanLooks[lan.state]} />
      {shown.map((one) => (
        <span class="block small" key={one.address}>
          <code>{one.address}</code>{" "}
          <span class="soft">
            {one.mac === null ? "does not answer" : <code>{one.mac}</code>}
            {one.answers === null && ", not asked lately"}
          </span>
        </span>
      ))}
      {more > 0 && <span class="block soft small">and {plural(more, "more machine")}</span>}
    </>
  );
}
