create table item(id integer primary key, name text, price real, kind integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
    insert into item select i, 'item ' || (i * 7919 % 60013), i * 37 % 1000 / 8.0, i % 17 from n;
create index by_name on item(name);
create table sale(item integer, day integer, n integer);
insert into sale select id * 31 % 60000 + 1, id % 365, id % 5 + 1 from item where id % 2 = 0;
create index by_item on sale(item);
select kind, count(*), round(sum(price * n), 2), max(day) from item join sale on item.id = sale.item group by kind order by 3 desc;
select name, price from item where name like '%99%' and price > 50 order by price desc, name limit 5;
update item set price = price * 1.1 where kind in (3, 5, 7);
delete from sale where day between 100 and 120;
select count(*), round(avg(price), 4), group_concat(distinct kind) from item where id in (select item from sale where n > 3);
select json_group_array(json_object('k', kind, 'n', n)) from (select kind, count(*) n from item group by kind);
select sum(length(upper(name)) + instr(name, '7') + (substr(name, 6) + 0) % 13) from item;
