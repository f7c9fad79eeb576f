variable "environment" {
  description = "dev, staging or production: names everything, and decides what may be destroyed."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "The environment is dev, staging or production."
  }
}

variable "vpc_id" {
  description = "The network that the cluster of the service lies in."
  type        = string
}

variable "private_subnet_ids" {
  description = "Subnets without a way to the internet, in at least two zones: database, broker and ledger lie there."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "At least two subnets, in two zones."
  }
}

variable "service_security_group_id" {
  description = "The security group of the pods of the service: nobody else reaches database, broker and ledger."
  type        = string
}

variable "database_class" {
  description = "Size of the database; docs/capacity.md computes cores and memory from measured figures."
  type        = string
  default     = "db.m7g.large"
}

variable "database_storage_gib" {
  description = "Storage of the database in GiB; it grows by itself up to four times that."
  type        = number
  default     = 100
}

variable "backup_days" {
  description = "How long the database can be set back. What was erased since is erased again by the restore fence (docs/backup.md)."
  type        = number
  default     = 14
}

variable "broker_class" {
  description = "Size of each of the broker's three nodes; one node of mq.t3.micro will do in dev."
  type        = string
  default     = "mq.m5.large"
}
