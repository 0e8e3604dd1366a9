// Peers and connections of all customers that have the text of a search.
import { api } from "../api/client";
import type { FoundList } from "../api/types";
import { Card } from "../parts/card";
import { connectionHref, customerHref, peerHref } from "../router";
import { useResource } from "../state/resource";

/** Shorter texts are in too many names. */
const shortest = 2;
const most = 20;
const nothing: FoundList = { as_of: "", stale: false, items: [], has_more: false };

export function Finds({ text }: { text: string }) {
  const list = useResource<FoundList>(text, (signal) =>
    text.length < shortest ? Promise.resolve(nothing) : api.find(text, signal),
  );
  const found = (list.value.value?.items ?? []).filter((one) => one.kind !== "customer");
  if (found.length === 0) return null;
  return (
    <Card title="Peers and connections">
      <table class="plain" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {["Customer", "Name", "Matches"].map((title) => (
              <th role="columnheader" scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {found.slice(0, most).map((one) => (
            <tr role="row" key={`${one.kind} ${one.customer} ${one.name}`}>
              <td role="cell">
                <a href={customerHref(one.customer)}>{one.customer}</a>
              </td>
              <td role="cell">
                <a href={(one.kind === "peer" ? peerHref : connectionHref)(one.customer, one.name)}>{one.name}</a>
              </td>
              <td role="cell">
                {one.matched.replaceAll("_", " ")} <code>{one.text}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {(found.length > most || list.value.value?.has_more) && (
        <p class="soft small more">
          There are more. To see all: <code>vpnctl find {text}</code>
        </p>
      )}
    </Card>
  );
}
