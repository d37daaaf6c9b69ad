/** Debug sessions with debugpy, which speaks the Debug Adapter Protocol on its port. */
import { createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import * as v from "valibot";
import * as vscode from "vscode";
import { connectToPort, listenOnFreePort } from "../../facts/lock/address.ts";
import type { Services } from "../commands/services.ts";
import { PYTHON_SESSION } from "../engines/engine.ts";
import { RUN } from "./debugging.ts";

/** The address to attach to, from our engine or debugpy; a launch.json may hold anything. */
const pythonSession = v.object({
  connect: v.object({ port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)) }),
  [RUN]: v.string(),
});

const RETRY_MS = 50;

/** Registers the sessions that attach to BiaPy and to its child processes. */
export function registerPythonDebugging({ runs }: Services): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.debug.registerDebugAdapterDescriptorFactory(PYTHON_SESSION, {
      async createDebugAdapterDescriptor({ configuration }) {
        const { connect, [RUN]: run } = v.parse(pythonSession, configuration);
        const isAlive = () => runs.find(run)?.live?.isActive ?? false;
        return new vscode.DebugAdapterServer(await relayTo(connect.port, isAlive));
      },
    }),
    // A child process of the training, such as an image reader, waits until it is attached to.
    vscode.debug.onDidReceiveDebugSessionCustomEvent(({ session, event, body }) => {
      if (session.type !== PYTHON_SESSION || event !== "debugpyAttach") return;
      const started = { ...body, type: PYTHON_SESSION, request: "attach", [RUN]: session.configuration[RUN] };
      const options = { parentSession: session, compact: true, lifecycleManagedByParent: true };
      void vscode.debug.startDebugging(session.workspaceFolder, started, options);
    }),
  );
}

/**
 * A port that forwards one connection to debugpy as soon as debugpy listens. The editor tries to connect only once, and debugpy
 * ends when a probing connection is closed.
 *
 * @param isAlive whether the process that will run debugpy is still alive
 */
async function relayTo(port: number, isAlive: () => boolean): Promise<number> {
  const server = createServer((editor) => {
    server.close();
    editor.on("error", () => {});
    void join(editor, port, isAlive);
  });
  return listenOnFreePort(server);
}

async function join(editor: Socket, port: number, isAlive: () => boolean): Promise<void> {
  while (!editor.destroyed && isAlive()) {
    const debugpy = await connectToPort(port);
    if (debugpy !== undefined) {
      editor.pipe(debugpy).pipe(editor);
      debugpy.once("close", () => editor.destroy());
      editor.once("close", () => debugpy.destroy());
      return;
    }
    await setTimeout(RETRY_MS);
  }
  editor.destroy();
}
