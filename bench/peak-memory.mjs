// Loaded before a program: says on its standard error how much memory it had at most.
process.on("exit", () => {
  process.stderr.write(`peak ${process.resourceUsage().maxRSS / 1000} MB\n`);
});
