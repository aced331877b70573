// Package chaos holds nothing but tests: of the whole daemon, under faults. Two
// replicas of the real binary share a topic of a real Kafka, a real PostgreSQL
// and a directory of snapshots; accounts are attacked without a pause; and
// processes are killed and paused, brokers and databases go down, disks fill up
// and files are damaged, at random moments of a schedule that a seed determines.
// All the while the topic loses the records before the older of two snapshots, so
// that a daemon that replays a partition instead of restoring it is found out.
//
// The judge then reads the log and the journal, replays both undisturbed and in
// its own process, and compares: every alert has to be in the store as the replay
// gives it, and no other. A run in which the faults did not make the daemons do what
// they are there for (restore, fall back, be fenced off, change rules, move the
// watermark of a quiet partition) fails as well: it proves nothing.
//
//	deploy/dev/chaos        a long run; its report is in docs/reliability.md
//	deploy/dev/integration  runs a short one beside the other tests
package chaos
