// The packet threads of vpnd.
import type { Worker } from "../api/types";
import { countText, shareText } from "../format/amount";
import { Card } from "../parts/card";

export function Workers({ workers }: { workers: readonly Worker[] }) {
  if (workers.length === 0) return null;
  return (
    <Card title="Data workers">
      <table class="plain" role="table" aria-label="Data workers">
        <thead role="rowgroup">
          <tr role="row">
            <Head>Worker</Head>
            <Head hint="Share of a core over the last two seconds">Busy</Head>
            <Head hint="Packets that arrived here and were transferred to the worker of their customer">Sent</Head>
            <Head hint="Packets that arrived at another worker and were transferred here">Received</Head>
            <Head hint="Packets dropped because the other worker had no room">Dropped</Head>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {workers.map((worker) => (
            <tr role="row" key={worker.worker}>
              <td role="cell">{worker.worker}</td>
              <td role="cell" class="number">
                {worker.cpu_share === null ? "–" : shareText(worker.cpu_share)}
              </td>
              <td role="cell" class="number">
                {countText(worker.handed_over)}
              </td>
              <td role="cell" class="number">
                {countText(worker.taken_over)}
              </td>
              <td role="cell" class="number">
                {countText(worker.ring_full)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function Head({ children, hint }: { children: string; hint?: string }) {
  return (
    <th role="columnheader" scope="col" title={hint}>
      {children}
    </th>
  );
}
