// The threads of vpnd that carry packets.
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
            <Head hint="Of a core, in the last two seconds">Busy</Head>
            <Head hint="Packets that came here and belong to another worker">Given</Head>
            <Head hint="Packets that came to another worker and belong here">Taken</Head>
            <Head hint="Packets that another worker had no room for">Dropped</Head>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {workers.map((worker) => (
            <tr role="row" key={worker.worker}>
              <td role="cell">{worker.worker}</td>
              <td role="cell">{worker.cpu_share === null ? "–" : shareText(worker.cpu_share)}</td>
              <td role="cell">{countText(worker.handed_over)}</td>
              <td role="cell">{countText(worker.taken_over)}</td>
              <td role="cell">{countText(worker.ring_full)}</td>
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
