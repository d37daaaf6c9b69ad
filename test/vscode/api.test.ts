/** The suite of `npm run test:electron`, in the served VS Code's extension host. */
import { after, before } from "node:test";
import { buildSuite } from "../electron/build-suite.ts";
import { ServedVsCode } from "./served-vscode.ts";

let vscode: ServedVsCode;
let suite: string;

before(
  async () => {
    suite = await buildSuite();
    vscode = await ServedVsCode.start({
      settings: { "security.workspace.trust.enabled": false },
      drivenByTests: true,
    });
  },
  { timeout: 300_000 },
);

after(() => vscode?.close());

ServedVsCode.scenario(
  "the suite passes in the extension host",
  () => vscode,
  () => vscode.runSuite(vscode.workspace("cells", "media/samples"), suite),
);
