// Package ns makes network namespaces that belong to the process that made
// them: the ground of the lab and of every test that sends packets or loads
// rules. Nothing in it touches the machine's own network namespace.
//
// A process first moves into fresh user and network namespaces by running
// itself again ([Command], or [Main] for tests). In there it is root over its
// own network, whoever started it, and makes further namespaces ([New]) that
// vanish with it, also at kill -9.
package ns
