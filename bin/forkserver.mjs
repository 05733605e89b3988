#!/usr/bin/env node
// Runs in: owner. The command `forkserver` (src/doctor/command.ts).
import '../dist/doctor/command.js'
