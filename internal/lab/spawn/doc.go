// Package spawn runs this very program again in fresh user and network
// namespaces, with sockets opened outside: how `nvr demo` shows a whole site on
// any machine without touching its network.
//
// The parent ([Run]) opens the listeners in the host's namespace, hands them
// over as open files and waits. The child calls [Inherited] first thing in main.
// Whatever ends the parent, also kill -9, ends the child: the kernel signals it,
// and a pipe that only the parent holds open reads end of file. Whatever ends
// the child closes the listeners with it, since the parent keeps none.
//
// Where the system allows no such namespaces, Run's error says in one line why
// and what to run instead.
package spawn
