output "database_host" {
  description = "Host and port of the database: make the three roles there (deploy/compose/roles.sh), then DATABASE_URL, DATABASE_OWNER_URL and DATABASE_SEQUENCER_URL with sslmode=verify-full."
  value       = aws_db_instance.database.endpoint
}

output "database_administrator_secret" {
  description = "Where the administrator's password is kept and rotated: for making the roles, not for the service."
  value       = aws_db_instance.database.master_user_secret[0].secret_arn
}

output "broker_secret" {
  description = "Where BROKER_URL is kept."
  value       = aws_secretsmanager_secret.broker.arn
}

output "ledger_file_system" {
  description = "The file system behind the volume shred-ledger (deploy/kubernetes/base/storage.yaml)."
  value       = aws_efs_file_system.ledger.id
}
