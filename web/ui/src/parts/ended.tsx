// The dialog shown when the session ends: after a login the page continues where it was.
import { useLayoutEffect, useRef } from "preact/hooks";

import { logout, session } from "../state/session";
import { LoginForm } from "./login_form";

export function Ended() {
  const dialog = useRef<HTMLDialogElement>(null);
  // Open it before the form requests the focus, which a closed dialog cannot have.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="ended-title" onCancel={(event) => event.preventDefault()}>
      <h2 id="ended-title">Your session has ended</h2>
      <p class="soft">Sessions end after 30 minutes without use and after 8 hours in any case. Log in to continue.</p>
      <LoginForm user={session.value?.user ?? ""} />
      <button type="button" class="button-quiet" onClick={() => void logout()}>
        Log in as another user
      </button>
    </dialog>
  );
}
