"""What `prefixwarm doctor` looks at: this machine, the account, a deployment, prefix files."""
