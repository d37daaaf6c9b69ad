/** A hostile folder that is trusted all the same: its records reach no file, socket or program outside of it. */
import { hostileWindow, lookAround } from "./hostile-folder.ts";

const scenario = hostileWindow();

scenario("a hostile folder harms nothing when it is looked at", async ({ workbench }) => {
  // What answers at a name of ours, but not as a supervisor does, is left.
  await lookAround(workbench, { foreign: /interrupted/, ours: /unknown/ }, () =>
    workbench.notice("Connecting to it tells it your user name"),
  );
});
