/** A hostile folder that the user trusts: its records reach no file, socket or program outside of it. */
import { hostileWindow, lookAround } from "./hostile-folder.ts";

const scenario = hostileWindow();

scenario("a hostile folder harms nothing when it is looked at", async ({ workbench }) => {
  // A program that listens at a name of ours, but does not answer as a supervisor does, is left alone.
  await lookAround(workbench, { foreign: /interrupted/, ours: /unknown/ }, () =>
    workbench.notice("Connecting to it tells it your user name"),
  );
  // Folders that its settings name are read; in Restricted Mode they are not.
  await workbench.result("elsewhere, run 1").waitFor();
});
