// Alarms: what is wrong, since when, and what to do.
import type { Alarm } from "../api/types";
import { alarmLooks } from "../format/words";
import { customerHref } from "../router";
import { Ago } from "./ago";
import { Badge } from "./badge";

/** `linked`: the sentence leads to the page of its customer. */
export function Alarms({ alarms, linked = false }: { alarms: readonly Alarm[]; linked?: boolean }) {
  return (
    <ul>
      {alarms.map((alarm) => (
        <li
          key={`${alarm.kind}/${alarm.customer}/${alarm.sentence}`}
          class={`alarm tone-${alarmLooks[alarm.severity].tone}`}
        >
          <Badge look={alarmLooks[alarm.severity]} />
          <div>
            <p>
              {linked && alarm.customer !== null ? (
                <a href={customerHref(alarm.customer)}>{alarm.sentence}</a>
              ) : (
                alarm.sentence
              )}
            </p>
            {alarm.what_to_do !== "" && <p class="soft">{alarm.what_to_do}</p>}
          </div>
          <span class="alarm-since soft small">
            <Ago at={alarm.since} />
          </span>
        </li>
      ))}
    </ul>
  );
}
