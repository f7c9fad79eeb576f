# An example for a managed PostgreSQL, a managed RabbitMQ and the volume of the shred ledger, on AWS. What belongs to the
# cluster (deploy/kubernetes) and the keys of the vault are not here: keys are made by their holders (docs/deployment.md).

locals {
  name          = "gdpr-portal-${var.environment}"
  is_production = var.environment == "production"
  is_small      = var.environment == "dev"
}

# --- who may reach what ----------------------------------------------------------------------------------------------
resource "aws_security_group" "stores" {
  name        = "${local.name}-stores"
  description = "Database, broker and ledger of the GDPR Portal: its pods alone."
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "from_the_service" {
  for_each = { postgresql = 5432, amqps = 5671, nfs = 2049 }

  security_group_id            = aws_security_group.stores.id
  referenced_security_group_id = var.service_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = each.key
}

# --- PostgreSQL ------------------------------------------------------------------------------------------------------
resource "aws_db_subnet_group" "database" {
  name       = local.name
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_parameter_group" "database" {
  name   = local.name
  family = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # A transaction that is left open holds up the sealing of the audit log (docs/audit-log.md).
  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "60000"
  }

  # No value of a person in the server's log: neither parameters nor the text of statements that fail.
  parameter {
    name  = "log_parameter_max_length_on_error"
    value = "0"
  }

  parameter {
    name  = "log_min_error_statement"
    value = "panic"
  }
}

resource "aws_db_instance" "database" {
  identifier     = local.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database_class

  allocated_storage     = var.database_storage_gib
  max_allocated_storage = 4 * var.database_storage_gib
  storage_type          = "gp3"
  storage_encrypted     = true

  username                    = "administrator"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.database.name
  parameter_group_name        = aws_db_parameter_group.database.name
  vpc_security_group_ids      = [aws_security_group.stores.id]
  publicly_accessible         = false

  multi_az                  = !local.is_small
  backup_retention_period   = var.backup_days
  copy_tags_to_snapshot     = true
  deletion_protection       = local.is_production
  skip_final_snapshot       = !local.is_production
  final_snapshot_identifier = local.is_production ? "${local.name}-last" : null

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

# --- RabbitMQ: hints alone, the rows are the truth -------------------------------------------------------------------
resource "random_password" "broker" {
  length  = 40
  special = false
}

resource "aws_mq_broker" "broker" {
  broker_name                = local.name
  engine_type                = "RabbitMQ"
  engine_version             = "3.13"
  host_instance_type         = var.broker_class
  deployment_mode            = local.is_small ? "SINGLE_INSTANCE" : "CLUSTER_MULTI_AZ"
  subnet_ids                 = local.is_small ? slice(var.private_subnet_ids, 0, 1) : var.private_subnet_ids
  security_groups            = [aws_security_group.stores.id]
  publicly_accessible        = false
  auto_minor_version_upgrade = true

  user {
    username = "portal"
    password = random_password.broker.result
  }

  logs {
    general = true
  }
}

resource "aws_secretsmanager_secret" "broker" {
  name        = "${local.name}/broker"
  description = "BROKER_URL of the secret gdpr-portal-app (docs/deployment.md)."
}

resource "aws_secretsmanager_secret_version" "broker" {
  secret_id     = aws_secretsmanager_secret.broker.id
  secret_string = replace(aws_mq_broker.broker.instances[0].endpoints[0], "amqps://", "amqps://portal:${random_password.broker.result}@")
}

# --- the shred ledger: with locks, outside the database's backups, never set back with it ------------------------------
resource "aws_efs_file_system" "ledger" {
  creation_token = "${local.name}-shred-ledger"
  encrypted      = true

  tags = { Name = "${local.name}-shred-ledger" }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_efs_mount_target" "ledger" {
  for_each = toset(var.private_subnet_ids)

  file_system_id  = aws_efs_file_system.ledger.id
  subnet_id       = each.value
  security_groups = [aws_security_group.stores.id]
}
