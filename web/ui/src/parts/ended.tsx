// The session ended while somebody looked: he logs in again and is where he was.
import { useLayoutEffect, useRef } from "preact/hooks";

import { logout, session } from "../state/session";
import { LoginForm } from "./login_form";

export function Ended() {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the form asks for the focus, which a closed dialog cannot give.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="ended-title" onCancel={(event) => event.preventDefault()}>
      <h2 id="ended-title">Your session has ended</h2>
      <p class="soft">
        Sessions end after half an hour without use, and after eight hours in any case. Log in to go on where you are.
      </p>
      <LoginForm user={session.value?.user ?? ""} />
      <button type="button" class="button-quiet" onClick={() => void logout()}>
        Log in as somebody else
      </button>
    </dialog>
  );
}
