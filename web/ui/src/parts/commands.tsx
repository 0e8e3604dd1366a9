// What the page does not show, and the commands of vpnctl that do.
import { Card } from "./card";
import { Fact, Facts } from "./facts";

export function Commands({ commands }: { commands: readonly (readonly [what: string, command: string])[] }) {
  return (
    <Card title="More on the appliance">
      <Facts>
        {commands.map(([what, command]) => (
          <Fact key={command} name={what}>
            <code>vpnctl {command}</code>
          </Fact>
        ))}
      </Facts>
    </Card>
  );
}
