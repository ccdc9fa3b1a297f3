complete --keep-order --exclusive --command claude-cli --arguments "(COMPLETE=fish claude-cli -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
