// Words for revisions.
import type { Revision } from "../api/types";

/** Who brought it into force, as far as this viewer may know. */
export function makerOf(revision: Pick<Revision, "origin" | "uid" | "claimed_user">): string {
  const { origin, uid, claimed_user: claimed } = revision;
  switch (origin) {
    case "start":
      return "found when stackd started";
    case "reload":
      return "by a reload";
    case "returned":
      return "came back, as it was not confirmed";
    case "page":
      return claimed === null ? "on this page" : `by ${claimed}, on this page`;
    case "request": {
      if (uid === null) return "by the operator";
      const user = uid === 0 ? "root" : `uid ${uid}`;
      return claimed === null ? `by ${user}` : `by ${user} (sudo: ${claimed})`;
    }
  }
}
