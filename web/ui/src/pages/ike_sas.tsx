// The IKE SAs of a connection, each with its CHILD SAs.
import type { ChildSa, ConnectionDetail, IkeSa } from "../api/types";
import { bytesText, countText } from "../format/amount";
import { natText, saLook } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Fact, Facts } from "../parts/facts";
import { Empty } from "../parts/notice";

export function IkeSas({ data }: { data: ConnectionDetail }) {
  if (data.ike_sas.length === 0) {
    return (
      <Card title="Security associations">
        <Empty title="No IKE SA">
          {data.state === "unserved" ? data.state_sentence : "They appear when the connection comes up."}
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {data.ike_sas.map((sa) => (
        <Sa sa={sa} key={`${sa.initiator_spi}${sa.responder_spi}`} />
      ))}
      {data.ike_sas_left_out > 0 && (
        <p class="soft small more">
          and {countText(data.ike_sas_left_out)} more. To see all:{" "}
          <code>
            vpnctl ipsec {data.customer} {data.name}
          </code>
        </p>
      )}
    </>
  );
}

function Sa({ sa }: { sa: IkeSa }) {
  const shared = sa.children.some((child) => child.shares_counters);
  return (
    <Card title={sa.remote_identity ?? "IKE SA"} aside={<Badge look={saLook(sa)} />}>
      <Facts>
        <Fact name="Identities">
          <code class="block">{sa.remote_identity ?? "not known yet"}</code>
          <span class="soft">we: {sa.local_identity ?? "not known yet"}</span>
        </Fact>
        <Fact name="Endpoint">
          <code>{sa.endpoint}</code> <span class="soft">{natText[sa.nat]}</span>
        </Fact>
        <Fact name="Suite">{sa.suite === null ? "not chosen yet" : <code>{sa.suite}</code>}</Fact>
        <Fact name="SPIs">
          <code class="block">
            {sa.initiator_spi}_i {sa.responder_spi}_r
          </code>
          <span class="soft">{sa.initiator ? "we began" : "the peer began"}</span>
        </Fact>
        <Fact name="Made">
          <Ago at={sa.since} />
          {sa.last_heard !== null && (
            <span class="soft">
              , heard <Ago at={sa.last_heard} />
            </span>
          )}
        </Fact>
        <Fact name="Next rekey">
          <Ago at={sa.next_rekey} />
        </Fact>
      </Facts>
      {sa.children.length > 0 && (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="CHILD SAs">
          <Children sas={sa.children} />
        </div>
      )}
      {shared && <p class="soft small">Traffic: of all children whose networks overlap, together.</p>}
    </Card>
  );
}

const titles = ["Child", "Networks", "SPIs", "Suite", "Traffic", "Next rekey"];

function Children({ sas }: { sas: readonly ChildSa[] }) {
  return (
    <table class="plain children" role="table">
      <thead role="rowgroup">
        <tr role="row">
          {titles.map((title) => (
            <th role="columnheader" scope="col" key={title}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {sas.map((child) => (
          <tr role="row" key={child.spi_in}>
            <td role="cell">{child.name}</td>
            <td role="cell">
              {child.remote.map((selector) => (
                <code key={selector} class="block">
                  {selector}
                </code>
              ))}
              <span class="soft small">here: {child.local.join(", ")}</span>
            </td>
            <td role="cell">
              <code class="block">{child.spi_in} in</code>
              <code class="block">{child.spi_out} out</code>
            </td>
            <td role="cell">
              <code>{child.suite}</code>
            </td>
            <td role="cell">
              <span class="block">{bytesText(child.rx_bytes)} in</span>
              <span class="block">{bytesText(child.tx_bytes)} out</span>
            </td>
            <td role="cell">{child.replaced ? <span class="soft">replaced</span> : <Ago at={child.next_rekey} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
