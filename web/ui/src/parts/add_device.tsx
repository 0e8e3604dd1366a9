// Adds a device: its key is made here, and its configuration is shown once.
import { useSignal } from "@preact/signals";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

import { api, Failure } from "../api/client";
import { type KeyPair, newKeyPair, profileOf } from "../format/device_key";
import { codeOf } from "../format/qr";
import { changing } from "../state/changes";
import { Copy } from "./copy";
import { Qr } from "./qr";

export function AddDevice({ customer, close }: { customer: string; close: () => void }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useRef<HTMLFormElement>(null);
  // The same for every try: when an answer is lost, the device may be there with this key.
  const pair = useRef<KeyPair>();
  const busy = useSignal(false);
  const trouble = useSignal("");
  const profile = useSignal("");
  const name = useSignal("");
  useLayoutEffect(() => dialog.current?.showModal(), []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy.value || !form.current) return;
    const fields = new FormData(form.current);
    busy.value = true;
    trouble.value = "";
    try {
      const keys = (pair.current ??= await newKeyPair());
      if (keys === undefined) {
        trouble.value = "This browser cannot make a key for WireGuard. Use a newer one, or vpnctl peer add.";
        return;
      }
      name.value = String(fields.get("name"));
      const device = {
        name: name.value,
        description: String(fields.get("description")),
        public_key: keys.publicKey,
      };
      const done = await changing(() => api.addDevice(customer, device));
      if (done?.profile) profile.value = profileOf(done.profile, keys.privateKey);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      trouble.value = error.message;
    } finally {
      busy.value = false;
    }
  };

  return (
    <dialog
      class="dialog"
      ref={dialog}
      aria-labelledby={`${id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        // The key is here alone, and the profile is shown once: a stray key must not lose them.
        if (profile.value === "" && !busy.value) close();
      }}
    >
      {profile.value === "" ? (
        <>
          <h2 id={`${id}-title`}>Add a device</h2>
          <p class="soft">Its private key is made in this browser and is not sent anywhere.</p>
          <form class="login-form" ref={form} onSubmit={submit}>
            <label for={`${id}-name`}>Name</label>
            <input
              id={`${id}-name`}
              class="field"
              name="name"
              required
              maxLength={64}
              autocapitalize="off"
              spellcheck={false}
              placeholder="phone-anna"
            />
            <label for={`${id}-description`}>Description</label>
            <input id={`${id}-description`} class="field" name="description" maxLength={128} />
            <p class="login-trouble" role="alert">
              {trouble}
            </p>
            <button class="button button-main" type="submit" aria-disabled={busy.value}>
              {busy.value ? "Adding …" : "Add the device"}
            </button>
          </form>
          <button type="button" class="button-quiet" aria-disabled={busy.value} onClick={() => busy.value || close()}>
            Cancel
          </button>
        </>
      ) : (
        <Profile name={name.value} text={profile.value} titleId={`${id}-title`} close={close} />
      )}
    </dialog>
  );
}

function Profile({ name, text, titleId, close }: { name: string; text: string; titleId: string; close: () => void }) {
  const fits = codeOf(text) !== undefined;
  return (
    <div class="profile">
      <h2 id={titleId}>{name} is added</h2>
      <p>
        {fits
          ? "Scan this with the WireGuard app, or copy it."
          : "This configuration is too large for a QR code: copy it, or download it for the WireGuard app."}{" "}
        It is shown once and stored nowhere.
      </p>
      <Qr text={text} label={`QR code of the configuration of ${name}`} />
      <details open={!fits}>
        <summary>As text</summary>
        <Copy text={text} what="the configuration" />
      </details>
      <a href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`} download={`${name}.conf`}>
        Download {name}.conf
      </a>
      <button type="button" class="button button-main" onClick={close}>
        Done
      </button>
    </div>
  );
}
