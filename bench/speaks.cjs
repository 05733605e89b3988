// Runs in: a process that fork() has started. It sends one message, and ends.
process.send('here')
