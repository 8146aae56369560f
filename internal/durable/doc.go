// Package durable replaces files so that whoever reads one after a crash or a power
// cut has the old content or the new, whole, and lets root do so in directories that
// belong to a service without being led out of them. It knows nothing of what is in them.
//
// Functions may be called at once for different files; two that replace the same one
// at the same time each publish their whole content, and the later rename stays. The
// cost is two syncs.
package durable
