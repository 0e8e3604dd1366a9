import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/table.css";
import "./style/pages.css";

import { render } from "preact";

import { App } from "./app";
import { startRouter } from "./router";
import { startClock } from "./state/clock";
import { watchBrowser } from "./state/live";
import { startOverview } from "./state/overview";
import { onAttention } from "./state/screen";
import { findSession, session, startSession } from "./state/session";
import { startTheme } from "./state/theme";

const renewMilliseconds = 5 * 60 * 1000; // reading and scrolling also count as use of the session

startTheme();
startClock();
startRouter();
startOverview();
watchBrowser();
onAttention(() => session.value && void findSession(), renewMilliseconds);
void startSession();

const root = document.getElementById("app");
if (root) render(<App />, root);
