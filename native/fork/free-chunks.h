// Runs in: template. What malloc has free before the first fork.
#ifndef FORKSERVER_FREE_CHUNKS_H
#define FORKSERVER_FREE_CHUNKS_H

// Takes the free chunks of the main heap, for good. Children write to the chunks that they get, and these lie between
// what the template keeps: each is on another page, which the kernel copies for each child. Without them a child's
// chunks come from the end of the heap and lie side by side.
void take_free_chunks(void);

// Before each fork: merges small chunks that were freed since. Otherwise each child does it when it first asks for a
// large one, and writes to the pages of all of them.
void merge_free_chunks(void);

#endif
