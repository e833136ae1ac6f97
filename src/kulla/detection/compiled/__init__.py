"""Rules and indicators turned into the kernel's tables, and the tables kept on disk.

``specialise`` says which rules, and in which form, apply to which class of event; ``programs`` turns
their trees into jump code with anchors; ``patterns`` turns their predicates into automata; ``build``
puts the tables together; ``cache`` keeps them.
"""
