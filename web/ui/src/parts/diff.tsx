// What differs in a file, line by line.
import type { RevisionDiff } from "../api/types";
import { plural } from "../format/amount";

const kinds: Record<string, { name: string; spoken: string }> = {
  "+": { name: "diff-new", spoken: "new: " },
  "-": { name: "diff-gone", spoken: "gone: " },
};

export function Diff({ file }: { file: RevisionDiff }) {
  return (
    <section class="diff" aria-label={`${file.name}, ${file.fate}`}>
      <p class="small">
        <code>{file.name}</code> <span class="soft">{file.fate}</span>
      </p>
      {file.lines.length > 0 && (
        // A long line is scrolled to, also by keyboard.
        <div class="diff-lines" tabIndex={0} role="group" aria-label={`What differs in ${file.name}`}>
          {file.lines.map((line, number) => (
            <Line line={line} key={number} />
          ))}
        </div>
      )}
      {file.more_lines > 0 && <p class="soft small">and {plural(file.more_lines, "more line")}</p>}
    </section>
  );
}

function Line({ line }: { line: string }) {
  if (line === "@") return <div class="diff-gap soft">…</div>;
  const kind = kinds[line[0] ?? ""];
  return (
    <div class={kind?.name}>
      {kind && <span class="visually-hidden">{kind.spoken}</span>}
      <span aria-hidden="true">{line[0]}</span>
      {line.slice(1)}
    </div>
  );
}
