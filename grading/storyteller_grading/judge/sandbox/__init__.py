"""What keeps a student's code from the grader's files, from the network and from the rest of the machine.

Several layers, each of which is used where the system has it:

    bubblewrap    the server of all workers runs in it: no network, nothing but Python and the library to be seen
    namespaces    each worker has its own users, processes, network, shared memory and, above all, its own file system
    landlock      a worker may read Python and the library, and write to its scratch folder, nothing else
    seccomp       a worker can start no process, open no socket, signal no other, change no file's owner or mode
    limits        memory, processor time, size and number of files, with setrlimit

`probe.examine()` finds out which of them hold, by trying to break each.
"""
