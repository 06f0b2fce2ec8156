// Says "burning", and keeps a core busy from then on. burn.ts [<milliseconds of CPU>]: until it has used so many.
const untilMs = Number(process.argv[2] ?? Number.POSITIVE_INFINITY)
const usedMs = (): number => process.cpuUsage().user / 1000
process.stdout.write('burning\n')
const beganMs = usedMs()
while (usedMs() - beganMs < untilMs) for (let step = 0; step < 1e6; step += 1);
