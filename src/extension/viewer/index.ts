import type * as vscode from "vscode";

/** Registers the read-only editor of images, `biapy.imageViewer`. */
export function registerImageViewer(_context: vscode.ExtensionContext): void {}
