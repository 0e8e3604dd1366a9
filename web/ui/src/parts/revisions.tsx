// Configurations that came into force: when, by whom, and what each changed.
import { useSignal } from "@preact/signals";

import { api, Failure } from "../api/client";
import type { Revision, RevisionDetail } from "../api/types";
import { plural } from "../format/amount";
import { isoText, localText } from "../format/time";
import { makerOf } from "../format/revisions";
import { customerHref } from "../router";
import { seesAll } from "../state/session";
import { Diff } from "./diff";
import { Failed, Loading } from "./notice";

const shownChanges = 5;

/** `ofCustomer`: its name is not repeated. */
export function Revisions({ revisions, ofCustomer }: { revisions: readonly Revision[]; ofCustomer?: boolean }) {
  return (
    <ol class="revisions">
      {revisions.map((one) => (
        <li key={one.revision ?? one.at}>
          <One revision={one} ofCustomer={ofCustomer ?? false} />
        </li>
      ))}
    </ol>
  );
}

function One({ revision, ofCustomer }: { revision: Revision; ofCustomer: boolean }) {
  const at = Date.parse(revision.at);
  const shown = revision.changes.slice(0, shownChanges);
  const more = revision.changes.length - shown.length;
  return (
    <>
      <p class="revision-head">
        {revision.revision !== null && <strong>{revision.revision}</strong>}
        <time dateTime={isoText(at)} title={isoText(at)}>
          {localText(at)}
        </time>
        <span class="soft">{makerOf(revision)}</span>
      </p>
      {revision.comment !== null && <p>{revision.comment}</p>}
      {shown.length > 0 && (
        <ul class="revision-changes small">
          {shown.map((change) => (
            <li key={`${change.customer} ${change.text}`}>
              {!ofCustomer && change.customer !== null && (
                <>
                  <a href={customerHref(change.customer)}>{change.customer}</a>{" "}
                </>
              )}
              {change.text}
            </li>
          ))}
        </ul>
      )}
      {more > 0 && <p class="soft small">and {plural(more, "more field")}</p>}
      {seesAll.value && revision.revision !== null && revision.files.length > 0 && (
        <Files revision={revision.revision} files={revision.files.length + revision.more_files} />
      )}
    </>
  );
}

function Files({ revision, files }: { revision: number; files: number }) {
  const detail = useSignal<RevisionDetail | Failure | undefined>(undefined);
  const open = useSignal(false);
  const load = () => {
    detail.value = undefined;
    api.revision(revision).then(
      (answer) => (detail.value = answer),
      (error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        detail.value = error;
      },
    );
  };
  const shown = detail.value;
  return (
    <details
      class="revision-files"
      onToggle={(event) => {
        open.value = event.currentTarget.open;
        if (open.value && (detail.peek() === undefined || detail.peek() instanceof Failure)) load();
      }}
    >
      <summary class="small">
        {plural(files, "file")}
        <span class="visually-hidden"> of revision {revision}</span>
      </summary>
      {!open.value ? null : shown === undefined ? (
        <Loading what="what differs" />
      ) : shown instanceof Failure ? (
        <Failed what="What differs" failure={shown} retry={load} />
      ) : (
        <>
          {shown.files.map((file) => (
            <Diff file={file} key={file.name} />
          ))}
          {shown.more_files > 0 && <p class="soft small">and {plural(shown.more_files, "more file")}</p>}
        </>
      )}
    </details>
  );
}
