// Who was refused: where from, as whom, why, how often, when.
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
      <ul class="drops" aria-label="Refused senders">
        {refused.map((sender) => (
          <li key={`${sender.reason} ${sender.from} ${sender.key_begins} ${sender.listener}`}>
            <span class="drop-count">
              {countText(sender.messages)}
              <span class="visually-hidden"> messages</span>
            </span>
            <div>
              <p>
                <code title="The source of the latest message; it may be forged">{sender.from}</code>
                <Claim sender={sender} ofCustomer={ofCustomer} />
                {!ofCustomer && sender.listener !== null && <> at the listener of {sender.listener}</>}
              </p>
              <p>{sender.sentence}</p>
              <p class="soft small">
                <code>{sender.reason}</code>, last <Ago at={sender.last} />, first <Ago at={sender.first} />
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Claim({ sender, ofCustomer }: { sender: RefusedSender; ofCustomer: boolean }) {
  const { customer, peer, key_begins: key } = sender;
  if (key === null) return null;
  return (
    <>
      {" as "}
      {customer !== null && peer !== null && (
        <>
          {!ofCustomer && (
            <>
              <a href={customerHref(customer)}>{customer}</a>
              {" / "}
            </>
          )}
          <a href={peerHref(customer, peer)}>{peer}</a>
          {", key "}
        </>
      )}
      <code>{key}…</code>
    </>
  );
}
