// Loaded before a program: prints its peak memory to standard error when it ends.
process.on("exit", () => {
  process.stderr.write(`peak ${process.resourceUsage().maxRSS / 1000} MB\n`);
});
