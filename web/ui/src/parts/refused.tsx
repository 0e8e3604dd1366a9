// Who was refused: where from, as whom, how often, when.
import type { RefusedSender } from "../api/types";
import { countText } from "../format/amount";
import { customerHref, peerHref } from "../router";
import { Ago } from "./ago";
import { Card } from "./card";

/** `ofCustomer`: all of them claim to be peers of one customer, so it is not named. */
export function Refused({ refused, ofCustomer = false }: { refused: readonly RefusedSender[]; ofCustomer?: boolean }) {
  if (refused.length === 0) return null;
  return (
    <Card title="Refused senders">
      <table class="plain" role="table" aria-label="Refused senders">
        <thead role="rowgroup">
          <tr role="row">
            <Head hint="The source of the latest message; it may be forged">From</Head>
            <Head hint="Whom the sender claims to be">Claims to be</Head>
            <Head>Reason</Head>
            <Head>Messages</Head>
            <Head>Last</Head>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {refused.map((sender) => (
            <tr role="row" key={`${sender.reason} ${sender.from} ${sender.key} ${sender.listener}`}>
              <td role="cell">
                <code>{sender.from}</code>
                {!ofCustomer && sender.listener !== null && <span class="soft small block">to {sender.listener}</span>}
              </td>
              <td role="cell">
                <Claim sender={sender} ofCustomer={ofCustomer} />
              </td>
              <td role="cell" title={sender.sentence}>
                <code>{sender.reason}</code>
              </td>
              <td role="cell">{countText(sender.messages)}</td>
              <td role="cell">
                <Ago at={sender.last} />
                <span class="soft small block">
                  first <Ago at={sender.first} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Claim({ sender, ofCustomer }: { sender: RefusedSender; ofCustomer: boolean }) {
  const { customer, peer, key } = sender;
  return (
    <>
      {customer !== null && peer !== null && (
        <span class="block">
          {!ofCustomer && (
            <>
              <a href={customerHref(customer)}>{customer}</a> /{" "}
            </>
          )}
          <a href={peerHref(customer, peer)}>{peer}</a>
        </span>
      )}
      {key === null ? <span class="soft">not read</span> : <code>{key}…</code>}
    </>
  );
}

function Head({ children, hint }: { children: string; hint?: string }) {
  return (
    <th role="columnheader" scope="col" title={hint}>
      {children}
    </th>
  );
}
