// The frame of every page: header, navigation, banner.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { here, type Place } from "../router";
import { announcement } from "../state/announce";
import { overview } from "../state/overview";
import { logout, seesAll, session } from "../state/session";
import { Banner } from "./banner";
import { claimFocus } from "./heading";
import { LiveSign } from "./live_sign";
import { Pending } from "./pending";
import { ThemeSwitch } from "./theme_switch";

interface Goal {
  href: string;
  text: string;
  pages: Place["page"][];
  sign: JSX.Element;
  onlyAll?: boolean;
}

const goals: Goal[] = [
  { href: "#/", text: "Overview", pages: ["overview"], sign: <path d="M3 11.5 10 4l7 7.5M5 10v6h10v-6" /> },
  {
    href: "#/customers",
    text: "Customers",
    pages: ["customers", "customer", "peer", "connection"],
    sign: <path d="M3 5h14M3 10h14M3 15h14" />,
  },
  {
    href: "#/events",
    text: "Events",
    pages: ["events"],
    sign: <path d="M10 5v5l3 2M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0z" />,
  },
  {
    href: "#/changes",
    text: "Changes",
    pages: ["changes"],
    sign: <path d="M4 6h9M10 3l3 3-3 3M16 14H7M10 11l-3 3 3 3" />,
  },
  {
    href: "#/system",
    text: "System",
    pages: ["system"],
    sign: <path d="M4 4h12v5H4zM4 11h12v5H4zM7 6.5h.01M7 13.5h.01" />,
    onlyAll: true,
  },
];

export function Shell({ children }: { children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  const { place } = here.value;
  const address = JSON.stringify(place);
  const first = useRef(true);
  useEffect(() => {
    // The heading announces a new page; on the first page the browser has set the focus already.
    if (first.current) first.current = false;
    else {
      scrollTo(0, 0);
      claimFocus();
      (main.current?.querySelector<HTMLElement>("h1") ?? main.current)?.focus({ preventScroll: true });
    }
  }, [address]);

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the hash is the page's address
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
            <rect width="32" height="32" rx="8" fill="currentColor" />
            <path d="M6 22v-6a4 4 0 0 1 8 0v6M18 22v-6a4 4 0 0 1 8 0v6M10 22v-4M22 22v-4" class="brand-line" />
          </svg>
          <span>{overview.value?.appliance || "Warren"}</span>
          <span class="visually-hidden">, overview</span>
        </a>
        <nav class="nav" aria-label="Pages">
          {goals
            .filter((goal) => !goal.onlyAll || seesAll.value)
            .map((goal) => (
              <a key={goal.href} href={goal.href} aria-current={goal.pages.includes(place.page) ? "page" : undefined}>
                <svg
                  viewBox="0 0 20 20"
                  width="20"
                  height="20"
                  aria-hidden="true"
                  fill="none"
                  stroke="currentColor"
                  stroke-width="1.6"
                  stroke-linecap="round"
                  stroke-linejoin="round"
                >
                  {goal.sign}
                </svg>
                {goal.text}
              </a>
            ))}
        </nav>
        <div class="top-end">
          <LiveSign />
          <ThemeSwitch />
          <span class="who soft small" title={session.value?.role}>
            {session.value?.user}
          </span>
          <button type="button" class="button-quiet" onClick={() => void logout()}>
            Log out
          </button>
        </div>
      </header>
      <Banner />
      {overview.value?.pending && <Pending pending={overview.value.pending} />}
      <main id="main" tabIndex={-1} ref={main}>
        {children}
      </main>
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement}
      </div>
    </>
  );
}
